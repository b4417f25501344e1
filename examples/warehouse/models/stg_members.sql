-- One row a member.
select cast(member_id as integer) as member, plan, joined
from ref('members')
