-- And those that nobody can.
select trip, minutes from ref('trips_timed') where minutes not between 1 and 600
