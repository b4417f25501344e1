-- Trips that somebody can have ridden.
select * from ref('trips_timed') where minutes between 1 and 600
