-- Every landed spectrum of every survey, without exception, with secure flags, errors and classes on one scale.
-- The seeds surveys and survey_values define each survey's flags, words and sentinels.
with spectra as (
    select * from {{ ref('stg_specz__spectra') }}
),

{{ numbered('spectra', ['survey', 'source_sha256'], 'source_row', [], 'spectrum') }},

landed as (
    select * from spectra_numbered
),

surveys as (
    select * from {{ ref('surveys') }}
),

known as (
    select * from {{ ref('survey_values') }}
),

-- The first matching rule of a flag applies.  Rules are matched with distinct flags, of which there are few.
first_rules as (
    select flags.survey, flags.flag, min(known.rule) as rule
    from (select distinct survey, flag from landed) as flags
    inner join known
        on flags.survey = known.survey and known.kind = 'flag'
        -- A seed reads an empty text as NULL.
        and flags.flag like coalesce(known.pattern, '') escape '!'
    group by flags.survey, flags.flag
),

-- A rule may have several patterns with the same meaning.
rules as (
    select
        first_rules.survey,
        first_rules.flag,
        max(case when known.secure then 1 else 0 end) = 1 as secure,
        max(known.reason) as reason,
        max(known.instrument) as instrument,
        max(known.class) as class,
        max(known.confidence) as confidence
    from first_rules
    inner join known on first_rules.survey = known.survey and first_rules.rule = known.rule and known.kind = 'flag'
    group by first_rules.survey, first_rules.flag
),

judged as (
    select
        landed.*,
        surveys.label,
        surveys.release_year,
        surveys.error_kind,
        surveys.error_value,
        surveys.error_grows,
        rules.secure,
        rules.confidence,
        coalesce(rules.class, classes.class) as class,
        coalesce(rules.instrument, instruments.instrument, surveys.instrument) as instrument,
        error_sentinels.number is null and landed.redshift_err_given > 0 as has_error,
        case
            when landed.redshift_given is null then 'none is given'
            when sentinels.number is not null then concat_ws('', 'a sentinel: ', cast(sentinels.number as string))
            when landed.redshift_given < -0.01e0 then 'below -0.01, and no known sentinel'
            when rules.reason is not null then rules.reason
        end as no_redshift
    from landed
    inner join surveys on landed.survey = surveys.survey
    left join rules on landed.survey = rules.survey and landed.flag = rules.flag
    left join known as classes
        on landed.survey = classes.survey and classes.kind = 'class' and landed.class_given = classes.pattern
    left join known as instruments
        on landed.survey = instruments.survey and instruments.kind = 'instrument'
        and landed.instrument_given = instruments.pattern
    -- A sentinel that was stored as a float differs by one part in ten million.
    left join known as sentinels
        on landed.survey = sentinels.survey and sentinels.kind = 'sentinel'
        and abs(landed.redshift_given - sentinels.number) <= 1e-6 * (1 + abs(sentinels.number))
    left join known as error_sentinels
        on landed.survey = error_sentinels.survey and error_sentinels.kind = 'error_sentinel'
        and abs(landed.redshift_err_given - error_sentinels.number) <= 1e-6 * (1 + abs(error_sentinels.number))
)

select
    spectrum,
    survey,
    concat_ws('', label, '-', coalesce(spectrum_id, concat_ws('', 'row', cast(source_row as string)))) as specz_name,
    spectrum_id,
    ra as specz_ra,
    dec as specz_dec,
    case when no_redshift is null then redshift_given end as specz_redshift,
    case
        when no_redshift is not null then cast(null as double)
        when error_kind = 'assigned' then error_value * case when error_grows then 1 + redshift_given else cast(1 as double) end
        when error_kind <> 'none' and has_error then redshift_err_given
    end as specz_redshift_err,
    case
        when no_redshift is not null or error_kind = 'none' then 'none'
        when error_kind = 'assigned' or coalesce(has_error, false) then error_kind
        else 'none'
    end as specz_error_kind,
    flag as specz_original_flag,
    coalesce(secure, false) and no_redshift is null as specz_flag_homogeneous,
    class as specz_class,
    case instrument when 'mixed' then 'unknown' else instrument end as specz_instrument,
    confidence as specz_confidence,
    redshift_given,
    no_redshift,
    spectrum_mag,
    spectrum_mag_band,
    release_year,
    source_file,
    source_sha256,
    source_row
from judged
