-- Stations to which bikes must be driven, or from which.
select name, flow, case when flow < 0 then 'bring' else 'take' end as what
from ref('net_flow')
where abs(flow) > docks / 4
