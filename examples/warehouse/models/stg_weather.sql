-- One row a day.
select day, cast(rain_mm as real) as rain, cast(high_c as integer) as high
from ref('weather')
