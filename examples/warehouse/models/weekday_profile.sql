-- Trips by weekday and hour.
select strftime('%w', started) as weekday, strftime('%H', started) as hour, count(*) as trips
from ref('trips_clean')
group by weekday, hour
