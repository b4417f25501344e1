-- Stations that fill up, and stations that run empty.
select s.name, s.docks, sum(d.arrivals - d.departures) as flow
from ref('station_days') d join ref('stg_stations') s using (station)
group by s.name, s.docks
