-- Properties of the duplicates: the number of rows that are not unique sources, of kept rows that are not primary
-- detections, and the difference of magnitudes between two measurements of one source.
{% set names = built_versions() -%}
with duplicates as (
    select * from {{ ref('duplicates') }} where duplicates_by = 'specz_name'
),

pairs as (
    select * from {{ ref('int_pairs') }}
),

reached as (
    {%- for name in names %}
    {%- set windows = version_cuts(name)['windows'] %}
    {%- set of_spectra = windows | selectattr('duplicates_by', 'defined') | selectattr('duplicates_by', 'equalto', 'specz_name') | list %}
    {%- set step = (of_spectra or windows) | first %}
    select
        '{{ name }}' as version,
        count(case when {{ 'judged.ok_' ~ step.name ~ ' is not null' if step else 'judged.kept' }} then 1 end) as reached,
        count(case when judged.kept and not pairs.isprimary then 1 end) as not_primary,
        count(case when judged.kept and pairs.isprimary is null then 1 end) as primary_unknown
    from {{ ref('int_judged_' ~ name) }} as judged
    inner join pairs on judged.pair_id = pairs.pair_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

in_groups as (
    select version, count(*) as in_groups from duplicates group by version
),

offsets as (
    select
        went.version
        {%- for band in bands() %},
        -- In whole billionths: between two doubles, engines' medians differ in the last bit.
        median({{ whole('abs(there.' ~ band ~ '_cmodel_mag - here.' ~ band ~ '_cmodel_mag)', '1e9') }}) / 1e9
            as offset_{{ band }}
        {%- endfor %}
    from duplicates as went
    inner join duplicates as stayed
        on went.version = stayed.version and went.cut = stayed.cut and went.group_key = stayed.group_key
    inner join pairs as there on went.pair_id = there.pair_id
    inner join pairs as here on stayed.pair_id = here.pair_id
    where stayed.stays and not went.stays
    group by went.version
),

metrics as (
    select version, 'pairs_reaching_duplicate_steps' as metric, cast(reached as double) as value from reached
    union all
    select version, 'kept_not_primary' as metric, cast(not_primary as double) as value from reached
    union all
    select version, 'kept_primary_unknown' as metric, cast(primary_unknown as double) as value from reached
    union all
    select reached.version, 'pairs_in_duplicate_groups' as metric, cast(coalesce(in_groups.in_groups, 0) as double) as value
    from reached left join in_groups on reached.version = in_groups.version
    union all
    select reached.version, 'fraction_in_duplicate_groups' as metric,
        coalesce(in_groups.in_groups, 0) / cast(nullif(reached.reached, 0) as double) as value
    from reached left join in_groups on reached.version = in_groups.version
    {%- for band in bands() %}
    union all
    select version, 'median_offset_{{ band }}_cmodel_mag' as metric, offset_{{ band }} as value from offsets
    {%- endfor %}
)

select version, metric, value from metrics
