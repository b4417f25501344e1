-- Departures and arrivals of every station on every day.
select station, day, sum(left) as departures, sum(came) as arrivals
from (
  select origin as station, day, 1 as left, 0 as came from ref('trips_clean')
  union all
  select destination, day, 0, 1 from ref('trips_clean')
)
group by station, day
