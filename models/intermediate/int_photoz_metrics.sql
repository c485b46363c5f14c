-- Metrics of every run, by definition and bin, on galaxies that it has never seen, with bootstrap intervals.
-- The interval of the PIT's largest distance is Kolmogorov's: 1.358 over the square root of the galaxies to each side.
-- Metrics that depend on nothing new are the build's before.
with bins as (
    select photoz_bin, photoz_run, bin_by, bin, bin_low, bin_high, count(*) as galaxies
    from {{ ref('int_photoz_members') }}
    group by photoz_bin, photoz_run, bin_by, bin, bin_low, bin_high
),

-- Quantiles of the replicates by hand: between two values engines' own differ in the last bit.  Of n values counted from
-- 0, the one of 1/40 is at (n - 1) / 40.
ranked as (
    select
        *,
        row_number() over (
            partition by photoz_bin, definition, metric, replicate > 0 order by value nulls last, replicate
        ) - 1 as place,
        count(value) over (partition by photoz_bin, definition, metric, replicate > 0) - 1 as last_place
    from {{ ref('int_photoz_values') }}
),

placed as (
    select *, last_place / cast(40 as double) as low_place, 39 * last_place / cast(40 as double) as high_place
    from ranked
),

of_replicates as (
    select
        photoz_bin,
        definition,
        metric,
        max(case when replicate = 0 then value end) as value,
        {%- for side in ['low', 'high'] %}
        max(case when replicate > 0 and place = floor({{ side }}_place) then value end) as below_{{ side }},
        max(case when replicate > 0 and place = ceil({{ side }}_place) then value end) as above_{{ side }},
        max(case when replicate > 0 then {{ side }}_place - floor({{ side }}_place) end) as part_{{ side }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from placed
    group by photoz_bin, definition, metric
),

of_pits as (
    select
        bins.photoz_bin,
        'pdf' as definition,
        'pit_ks' as metric,
        pits.pit_distance as value,
        greatest(0, pits.pit_distance - 1.358e0 / sqrt(pits.with_pit)) as value_low,
        least(1, pits.pit_distance + 1.358e0 / sqrt(pits.with_pit)) as value_high
    from bins
    left join {{ ref('int_photoz_pit') }} as pits on bins.photoz_bin = pits.photoz_bin
),

measured as (
    select
        photoz_bin,
        definition,
        metric,
        value,
        below_low + (above_low - below_low) * part_low as value_low,
        below_high + (above_high - below_high) * part_high as value_high
    from of_replicates
    union all
    select * from of_pits
),

computed as (
    select
        bins.photoz_run,
        measured.definition,
        bins.bin_by,
        bins.bin,
        measured.metric,
        bins.bin_low,
        bins.bin_high,
        bins.galaxies,
        case when bins.galaxies >= 20 then measured.value end as value,
        case when bins.galaxies >= 20 then measured.value_low end as value_low,
        case when bins.galaxies >= 20 then measured.value_high end as value_high,
        case
            when bins.galaxies < 20 then 'fewer than 20 galaxies'
            when measured.value is null and measured.metric like 'coverage%' then 'no intervals'
            when measured.value is null then 'no PDFs'
        end as value_reason,
        known.photoz_inputs
    from bins
    inner join measured on bins.photoz_bin = measured.photoz_bin
    inner join {{ ref('int_photoz_known') }} as known on bins.photoz_run = known.photoz_run
),

as_before as (
    select
        metrics.photoz_run,
        metrics.definition,
        metrics.bin_by,
        metrics.bin,
        metrics.metric,
        metrics.bin_low,
        metrics.bin_high,
        metrics.galaxies,
        metrics.value,
        metrics.value_low,
        metrics.value_high,
        metrics.value_reason,
        metrics.photoz_inputs
    from {{ ref('stg_plan__known_metrics') }} as metrics
    inner join {{ ref('int_photoz_known') }} as known on metrics.photoz_run = known.photoz_run
    where known.is_known
)

select * from computed
union all
select * from as_before
