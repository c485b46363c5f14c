-- Which bins each object's picture counts in: all, the object's magnitude in the picture's filter, the tract.
with objects as (
    -- Without pictures there is nothing to bin, and objects may be millions.
    select * from {{ ref('int_kept_objects') }} where exists (select 1 from {{ ref('int_located_cutouts') }})
),

shown as (
    select object_id, band, picture_tract from {{ ref('int_shown_pictures') }}
),

wanted as (
    {%- for band in bands() %}
    select object_id, '{{ band }}' as band, own_tract, {{ band }}_cmodel_mag as magnitude from objects
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

placed as (
    select
        wanted.object_id,
        wanted.band,
        coalesce(shown.picture_tract, wanted.own_tract) as tract,
        -- Infinity is a valid double, but is in no bin.
        case when abs(wanted.magnitude) < 1000 then cast(floor(wanted.magnitude) as bigint) end as step
    from wanted
    left join shown on wanted.object_id = shown.object_id and wanted.band = shown.band
),

{%- set open_edges = 'cast(null as double) as bin_low, cast(null as double) as bin_high' %}
binned as (
    select object_id, band, 'all' as bin_by, 'all' as bin, {{ open_edges }} from placed
    union all
    select
        object_id, band, 'cmodel_mag' as bin_by,
        concat_ws('', cast(step as string), ' to ', cast(step + 1 as string)) as bin,
        cast(step as double) as bin_low, cast(step + 1 as double) as bin_high
    from placed where step is not null
    union all
    select object_id, band, 'tract' as bin_by, cast(tract as string) as bin, {{ open_edges }}
    from placed where tract is not null
)

select * from binned
