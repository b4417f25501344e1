-- Where most trips begin or end.
select s.name, s.district, sum(d.departures + d.arrivals) as moves
from ref('station_days') d join ref('stg_stations') s using (station)
group by s.name, s.district
