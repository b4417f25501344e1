-- One row a station.
select cast(station_id as integer) as station, name, district, cast(docks as integer) as docks
from ref('stations')
