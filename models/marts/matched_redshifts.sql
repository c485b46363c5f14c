-- One redshift for every object that has a spectrum, by each of two rules.
select * from {{ ref('int_matched_redshifts') }}
