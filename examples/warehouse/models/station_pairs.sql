-- From where to where.
select origin, destination, count(*) as trips, avg(minutes) as minutes
from ref('trips_clean')
where origin <> destination
group by origin, destination
