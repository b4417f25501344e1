"""The programs of the Wanderbricks pipeline: one module for each step, and a few that they share."""
