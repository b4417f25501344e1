-- One line for the city council.
select
  (select count(*) from ref('trips_clean')) as trips,
  (select count(*) from ref('trips_rejected')) as rejected,
  (select count(*) from ref('rides_in_rain')) as in_rain,
  (select count(*) from ref('round_trips')) as round_trips,
  (select count(*) from ref('rebalancing')) as to_rebalance,
  (select sum(cost) from ref('cost_per_ride')) as repairs
