-- The agreement of spectra of one source, within and between surveys and flags: the evidence for the secure rules.
with cubes as (
    {{ spectrum_cubes() }}
),

spectra as (
    select *, {{ position_cube('specz_ra', 'specz_dec') }} as cube
    from {{ ref('int_spectra') }}
    where specz_redshift is not null and specz_ra is not null
),

pairs as (
    select
        one.survey as survey,
        other.survey as other_survey,
        one.specz_original_flag as one_flag,
        other.specz_original_flag as two_flag,
        -- Within a survey the order does not matter: flags 3 and 2 count as 2 and 3, and an unknown flag comes last.
        case
            when one.survey < other.survey then false
            when one.specz_original_flag is null then other.specz_original_flag is not null
            else coalesce(one.specz_original_flag > other.specz_original_flag, false)
        end as is_turned,
        one.specz_flag_homogeneous and other.specz_flag_homogeneous as both_secure,
        abs(one.specz_redshift - other.specz_redshift) / (1 + least(one.specz_redshift, other.specz_redshift)) as apart
    from spectra as other
    inner join cubes on other.cube = cubes.cube
    inner join spectra as one on cubes.spectrum = one.spectrum
    -- Each pair once, surveys in alphabetical order.
    where (one.survey < other.survey or (one.survey = other.survey and one.spectrum < other.spectrum))
        and {{ separation_arcsec('one.specz_ra', 'one.specz_dec', 'other.specz_ra', 'other.specz_dec') }} <= {{ match_radius() }}
),

in_order as (
    select
        survey,
        other_survey,
        case when is_turned then two_flag else one_flag end as specz_original_flag,
        case when is_turned then one_flag else two_flag end as other_flag,
        both_secure,
        apart
    from pairs
)

select
    survey,
    other_survey,
    specz_original_flag,
    other_flag,
    both_secure,
    count(*) as n_pairs,
    count(case when apart > 0.005e0 then 1 end) / cast(count(*) as double) as fraction_apart,
    count(case when apart * 299792.458e0 > 1000 then 1 end) / cast(count(*) as double) as fraction_apart_velocity
from in_order
group by survey, other_survey, specz_original_flag, other_flag, both_secure
