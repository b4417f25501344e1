-- How much every member rides.
select m.member, m.plan, count(t.trip) as trips, coalesce(sum(t.minutes), 0) as minutes
from ref('stg_members') m left join ref('trips_clean') t using (member)
group by m.member, m.plan
