-- What every bike has cost.
select b.bike, b.model, count(r.repair) as repairs, coalesce(sum(r.cost), 0) as cost
from ref('stg_bikes') b left join ref('stg_repairs') r using (bike)
group by b.bike, b.model
