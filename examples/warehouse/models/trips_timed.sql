-- Trips with their day and length; a clock that was set back gives less than nothing.
select *, date(started) as day, round((julianday(ended) - julianday(started)) * 1440) as minutes
from ref('stg_trips')
