-- Rides of more than three quarters of an hour.
select trip, member, minutes from ref('trips_clean') where minutes > 45
