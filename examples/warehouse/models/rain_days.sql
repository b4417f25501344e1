-- Days on which one gets wet.
select day, rain from ref('stg_weather') where rain >= 1
