-- One row a bike.
select cast(bike_id as integer) as bike, model, bought
from ref('bikes')
