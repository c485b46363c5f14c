-- Every landed spectrum of every survey, with secure flags, errors and classes on one scale.
select * from {{ ref('int_spectra') }}
