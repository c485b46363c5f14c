-- One redshift for every object that has a spectrum, by each of two rules.
-- hsc: as the HSC team documents it: none secure, no redshift; one secure, that one; several, their mean; names and
--      flags of several are joined by commas.
-- best: one spectrum: secure before insecure, spectroscopic before grism before prism, the smallest measured error,
--      the newest survey, the nearest.  Where secure ones disagree, specz_state says conflict.
with matched as (
    select
        matches.object_id,
        matches.match_distance_arcsec,
        matches.d_mag,
        spectra.*,
        max(case when spectra.specz_flag_homogeneous then 1 else 0 end) over (partition by matches.object_id) as any_secure
    from {{ ref('int_spectrum_matches') }} as matches
    inner join {{ ref('int_spectra') }} as spectra on matches.spectrum = spectra.spectrum
),

-- The secure ones where there are such, else all.
used as (
    select
        *,
        row_number() over (partition by object_id order by match_distance_arcsec, spectrum) as nearest,
        max(specz_redshift_err) over (partition by object_id) as largest_err
    from matched
    where specz_flag_homogeneous or any_secure = 0
),

hsc as (
    select
        object_id,
        {{ joined_text('specz_name', ',', 'match_distance_arcsec, spectrum') }} as specz_name,
        max(case when nearest = 1 then specz_ra end) as specz_ra,
        max(case when nearest = 1 then specz_dec end) as specz_dec,
        -- Sums are of whole 1e-12, the same in any order; one that is alone, or alike, stays as it landed.  Redshifts of
        -- 1000 or above have no mean.
        case when max(any_secure) = 1 then
            case
                when min(specz_redshift) = max(specz_redshift) then min(specz_redshift)
                when max(abs(specz_redshift)) < 1000 then
                    cast(sum({{ whole('specz_redshift', '1e12') }}) as double)
                    / cast(count(specz_redshift) * cast(1000000000000 as bigint) as double)
            end
        end as specz_redshift,
        -- Of a mean of independent ones; squares are of the largest error, in whole 1e-15 of its own.
        case when max(any_secure) = 1 and count(*) = count(specz_redshift_err) then
            case
                when count(*) = 1 or max(largest_err) = 0 then max(largest_err)
                when max(largest_err) < 1e300 then max(largest_err) * sqrt(cast(sum(
                    {{ whole('(specz_redshift_err / largest_err) * (specz_redshift_err / largest_err)', '1e15') }}
                ) as double) / 1e15) / count(*)
            end
        end as specz_redshift_err,
        {{ joined_text('specz_original_flag', ',', 'match_distance_arcsec, spectrum') }} as specz_original_flag,
        max(any_secure) = 1 as specz_flag_homogeneous,
        case when min(specz_class) = max(specz_class) then max(specz_class) end as specz_class,
        case when min(specz_error_kind) = max(specz_error_kind) then max(specz_error_kind)
            when max(case when specz_error_kind = 'arbitrary' then 1 else 0 end) = 1 then 'arbitrary'
            when max(case when specz_error_kind = 'none' then 1 else 0 end) = 1 then 'none'
            else 'assigned'
        end as specz_error_kind,
        min(match_distance_arcsec) as match_distance_arcsec,
        case when max(any_secure) = 0 then 'none secure' when count(*) = 1 then 'one' else 'mean' end as specz_state
    from used
    group by object_id
),

ranked as (
    select
        *,
        row_number() over (
            partition by object_id
            order by
                case when specz_flag_homogeneous then 0 else 1 end,
                case when specz_redshift is null then 1 else 0 end,
                case specz_instrument when 'spectroscopic' then 0 when 'grism' then 1 when 'prism' then 2 else 3 end,
                case when specz_error_kind = 'measured' then 0 else 1 end,
                case when specz_error_kind = 'measured' then specz_redshift_err end nulls last,
                release_year desc nulls last,
                match_distance_arcsec,
                spectrum
        ) as place
    from used
),

-- In the words of the rule: beyond 0.005 (1 + z) of the lowest.
spread as (
    select
        object_id,
        max(specz_redshift) - min(specz_redshift) > 0.005e0 * (1 + min(specz_redshift)) and max(any_secure) = 1 as disagree
    from used
    group by object_id
),

best as (
    select ranked.*, coalesce(spread.disagree, false) as disagree
    from ranked
    inner join spread on ranked.object_id = spread.object_id
    where ranked.place = 1
),

counted as (
    select
        object_id,
        count(*) as n_spectra,
        sum(case when specz_flag_homogeneous then 1 else 0 end) as n_secure
    from matched
    group by object_id
),

both_rules as (
    select object_id, 'hsc' as specz_rule, specz_name, specz_ra, specz_dec, specz_redshift, specz_redshift_err,
        specz_error_kind, specz_original_flag, specz_flag_homogeneous, specz_class, match_distance_arcsec, specz_state
    from hsc
    union all
    select object_id, 'best' as specz_rule, specz_name, specz_ra, specz_dec, specz_redshift, specz_redshift_err,
        specz_error_kind, specz_original_flag, specz_flag_homogeneous, specz_class, match_distance_arcsec,
        case when not specz_flag_homogeneous then 'none secure' when disagree then 'conflict' else 'best' end as specz_state
    from best
)

select both_rules.*, counted.n_spectra, cast(counted.n_secure as bigint) as n_secure
from both_rules
inner join counted on both_rules.object_id = counted.object_id
