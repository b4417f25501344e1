-- One row a trip, as it was reported.
select
  cast(trip_id as integer) as trip,
  cast(bike_id as integer) as bike,
  cast(member_id as integer) as member,
  cast(from_station as integer) as origin,
  cast(to_station as integer) as destination,
  started,
  ended
from ref('trips')
