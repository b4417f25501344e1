-- Trips between districts.
select a.district as origin, b.district as destination, sum(p.trips) as trips
from ref('station_pairs') p
join ref('stg_stations') a on a.station = p.origin
join ref('stg_stations') b on b.station = p.destination
group by a.district, b.district
