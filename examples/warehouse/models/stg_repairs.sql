-- One row a repair.
select cast(repair_id as integer) as repair, cast(bike_id as integer) as bike, day, part, cast(cost as integer) as cost
from ref('repairs')
