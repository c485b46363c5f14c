-- Probabilities of the bins of each run's grid, in units of 1/65,535, and what depends on them alone.
with predictions as (
    select * from {{ ref('stg_photoz__predictions') }}
)

select photoz_run, photoz_row, object_id, pdf, pdf_square, pdf_half_spread
from predictions
where pdf is not null
