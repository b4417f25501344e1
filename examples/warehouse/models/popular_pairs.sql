-- Pairs of stations that more than one trip joins.
select a.name as origin, b.name as destination, p.trips
from ref('station_pairs') p
join ref('stg_stations') a on a.station = p.origin
join ref('stg_stations') b on b.station = p.destination
where p.trips > 1
