-- How long every bike was under way on every day.
select bike, day, count(*) as trips, sum(minutes) as minutes from ref('trips_clean') group by bike, day
