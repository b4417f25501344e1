-- Trips that end where they began.
select trip, member, origin as station, minutes from ref('trips_clean') where origin = destination
