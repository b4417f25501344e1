-- Members who never ride.
select member, plan from ref('member_trips') where trips = 0
