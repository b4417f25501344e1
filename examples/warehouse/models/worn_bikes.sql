-- Repairs per hour under way.
select c.bike, c.repairs, sum(d.minutes) / 60.0 as hours
from ref('repair_costs') c join ref('bike_days') d using (bike)
where c.repairs > 0
group by c.bike, c.repairs
