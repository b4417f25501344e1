-- Bikes that stood for half of the days or more.
select b.bike, b.model, count(d.day) as days_used
from ref('stg_bikes') b left join ref('bike_days') d using (bike)
group by b.bike, b.model
having count(d.day) <= 7
