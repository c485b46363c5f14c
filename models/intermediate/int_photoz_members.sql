-- Which bins each judged prediction is in.  Edges are whole billionths: redshifts of .6 and .8 occur.
with scores as (
    select *, {{ photoz_nano('specz_redshift') }} as redshift_nano
    from {{ ref('int_photoz_scores') }}
),

{%- set edges = 'cast(null as double) as bin_low, cast(null as double) as bin_high' %}
members as (
    select photoz_run, photoz_row, 'all' as bin_by, 'all' as bin, {{ edges }} from scores
    union all
    select photoz_run, photoz_row, 'specz_redshift' as bin_by, '0.1 to 1.25' as bin, 0.1e0 as bin_low,
        1.25e0 as bin_high
    from scores where redshift_nano between 100000000 and 1250000000
    union all
    select
        photoz_run, photoz_row, 'specz_redshift' as bin_by, 'up to 1.5' as bin, cast(null as double) as bin_low,
        1.5e0 as bin_high
    from scores where redshift_nano <= 1500000000
    union all
    select
        photoz_run,
        photoz_row,
        'specz_redshift' as bin_by,
        concat_ws('',
            cast(cast(step / cast(5 as double) as decimal(3, 1)) as string),
            ' to ',
            cast(cast((step + 1) / cast(5 as double) as decimal(3, 1)) as string)
        ) as bin,
        step / cast(5 as double) as bin_low,
        (step + 1) / cast(5 as double) as bin_high
    from (
        select photoz_run, photoz_row, cast(floor(redshift_nano / cast(200000000 as double)) as bigint) as step
        from scores
        where redshift_nano >= 0 and redshift_nano < 4000000000
    ) as steps
    union all
    select
        photoz_run,
        photoz_row,
        '{{ photoz_band() }}_cmodel_mag' as bin_by,
        concat_ws('', cast(step as string), ' to ', cast(step + 1 as string)) as bin,
        cast(step as double) as bin_low,
        cast(step + 1 as double) as bin_high
    from (
        select photoz_run, photoz_row, cast(floor(magnitude) as bigint) as step
        from scores
        -- Infinity is a valid double, but is in no bin.
        where abs(magnitude) < 1000
    ) as steps
    union all
    select photoz_run, photoz_row, 'survey' as bin_by, survey as bin, {{ edges }} from scores where survey is not null
),

-- Numbered one by one: there are few bins.
bins as (
    select
        photoz_run,
        bin_by,
        bin,
        cast(dense_rank() over (order by photoz_run, bin_by, bin) as bigint) as photoz_bin
    from (select distinct photoz_run, bin_by, bin from members) as named
)

select members.*, bins.photoz_bin
from members
inner join bins on members.photoz_run = bins.photoz_run and members.bin_by = bins.bin_by and members.bin = bins.bin
