-- Who rides in the wet.
select t.trip, t.member, r.rain from ref('trips_clean') t join ref('rain_days') r using (day)
