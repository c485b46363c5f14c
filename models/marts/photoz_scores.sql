-- Each judged prediction held against its redshift.
select * from {{ ref('int_photoz_judged') }}
