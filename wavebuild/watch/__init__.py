"""What changes on disk while a project is watched, and the builds that follow.

It does not know how a step is judged or run, nor what a screen is: events only wake it up, every build decides for
itself what is stale.
"""
