-- Members by plan, and how much they ride.
select plan, count(*) as members, sum(trips) as trips, sum(minutes) as minutes from ref('member_trips') group by plan
