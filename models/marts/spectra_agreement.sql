-- How spectra of one source agree, within and between surveys and their flags: the evidence for the secure rules.
with cubes as (
    {{ spectrum_cubes() }}
),

spectra as (
    select *, {{ position_cube('specz_ra', 'specz_dec') }} as cube
    from {{ ref('spectra') }}
    where specz_redshift is not null and specz_ra is not null
),

pairs as (
    select
        one.survey as survey,
        one.specz_original_flag as specz_original_flag,
        other.survey as other_survey,
        other.specz_original_flag as other_flag,
        one.specz_flag_homogeneous and other.specz_flag_homogeneous as both_secure,
        abs(one.specz_redshift - other.specz_redshift) / (1 + least(one.specz_redshift, other.specz_redshift)) as apart
    from spectra as other
    inner join cubes on other.cube = cubes.cube
    inner join spectra as one on cubes.spectrum = one.spectrum
    -- Each pair once; the survey that comes first in the alphabet first.
    where (one.survey < other.survey or (one.survey = other.survey and one.spectrum < other.spectrum))
        and {{ separation_arcsec('one.specz_ra', 'one.specz_dec', 'other.specz_ra', 'other.specz_dec') }} <= {{ match_radius() }}
)

select
    survey,
    other_survey,
    specz_original_flag,
    other_flag,
    both_secure,
    count(*) as n_pairs,
    avg(case when apart > 0.005 then cast(1 as double) else 0 end) as fraction_apart,
    avg(case when apart * 299792.458 > 1000 then cast(1 as double) else 0 end) as fraction_apart_velocity
from pairs
group by survey, other_survey, specz_original_flag, other_flag, both_secure
