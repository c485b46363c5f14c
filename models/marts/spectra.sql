-- Every landed spectrum of every survey, on one scale for what is secure, for errors and for classes.
select * from {{ ref('int_spectra') }}
