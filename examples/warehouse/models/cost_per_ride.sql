-- What a ride costs in repairs, by kind of bike.
select c.model, sum(c.cost) as cost, sum(t.trips) as trips
from ref('repair_costs') c
left join (select bike, sum(trips) as trips from ref('bike_days') group by bike) t using (bike)
group by c.model
