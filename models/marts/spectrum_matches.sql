-- Every spectrum within the radius of an object, with its rank by distance for the object, and the object's for it.
select * from {{ ref('int_spectrum_matches') }}
