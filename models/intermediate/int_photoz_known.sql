-- What the metrics of each run depend on, as one hash, and whether the build before this one had the same.
with judged as (
    select * from {{ ref('int_photoz_sample') }}
),

runs as (
    select * from {{ ref('stg_photoz__runs') }}
),

known as (
    select photoz_run, min(photoz_inputs) as photoz_inputs
    from {{ ref('stg_plan__known_metrics') }}
    group by photoz_run
),

-- Doubles as whole numbers: engines write them as text in different ways.
described as (
    select
        photoz_run,
        photoz_row,
        concat_ws(
            ' ',
            cast(photoz_row as string),
            cast({{ whole('specz_redshift', '1e15') }} as string),
            cast({{ whole('magnitude', '1e15') }} as string),
            survey
        ) as judged
    from judged
),

judged_by as (
    select
        photoz_run,
        md5({{ joined_text('judged', '/', 'photoz_row') }}) as sample_hash
    from described
    group by photoz_run
),

hashed as (
    select
        runs.photoz_run,
        md5(concat_ws('', '2/', runs.predictions_sha256, '/', coalesce(judged_by.sample_hash, ''))) as photoz_inputs
    from runs
    left join judged_by on runs.photoz_run = judged_by.photoz_run
)

select
    hashed.*,
    known.photoz_inputs is not null and known.photoz_inputs = hashed.photoz_inputs as is_known
from hashed
left join known on hashed.photoz_run = known.photoz_run
