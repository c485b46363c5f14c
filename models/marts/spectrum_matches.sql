-- Every spectrum within the radius of an object, with its rank among the object's, and the object's among its.
select * from {{ ref('int_spectrum_matches') }}
