-- Photometric redshifts, every run's; no spectroscopic redshift is known here.
with predictions as (
    select * from {{ ref('stg_photoz__predictions') }}
)

select
    photoz_run, photoz_row, object_id, z_phot, z_risk, z_median, z_mode, z_sigma, z_low_68, z_high_68, z_low_95,
    z_high_95, odds, z_sigma_epistemic, z_sigma_aleatoric, photoz_flags, photoz_split
from predictions
