-- How much of the pictures is masked, by plane, filter and bin, and how many of them are missing.
with bins as (
    select * from {{ ref('int_picture_bins') }}
),

pictures as (
    select * from {{ ref('pictures') }}
),

masks as (
    select * from {{ ref('int_picture_masks') }}
),

planes as (
    {%- for plane in mask_planes() %}
    select '{{ plane }}' as mask_plane, {{ 'true' if plane in defect_planes() else 'false' }} as is_defect
    union all
    {%- endfor %}
    -- A survey without masks has the columns, too.
    select '' as mask_plane, false as is_defect from bins where 1 = 0
),

counted as (
    select
        bins.band, bins.bin_by, bins.bin, bins.bin_low, bins.bin_high,
        count(*) as wanted,
        count(pictures.image_offset) as shown,
        count(pictures.mask_offset) as with_mask,
        {%- for state in ['truncated', 'refused', 'absent'] %}
        sum(case when pictures.picture_state = '{{ state }}' then 1 else 0 end) as {{ state }}{{ ',' if not loop.last }}
        {%- endfor %}
    from bins
    inner join pictures on bins.object_id = pictures.object_id and bins.band = pictures.band
    group by bins.band, bins.bin_by, bins.bin, bins.bin_low, bins.bin_high
),

fractions as (
    -- Pictures of equal fractions together.
    select bins.band, bins.bin_by, bins.bin, masks.mask_plane, masks.masked_nano, count(*) as pictures
    from masks
    inner join bins on masks.object_id = bins.object_id and masks.band = bins.band
    group by bins.band, bins.bin_by, bins.bin, masks.mask_plane, masks.masked_nano
),

ranked as (
    select
        *,
        coalesce(sum(pictures) over (
            partition by band, bin_by, bin, mask_plane order by masked_nano desc
            rows between unbounded preceding and 1 preceding
        ), 0) as above
    from fractions
),

measured as (
    -- The least fraction that so few pictures exceed; 0 is one, too, where few enough have the plane at all.
    select
        ranked.band, ranked.bin_by, ranked.bin, ranked.mask_plane,
        sum(ranked.pictures) as touched,
        sum(ranked.pictures * ranked.masked_nano) as sum_nano,
        min(case when 2 * ranked.above <= counted.with_mask then ranked.masked_nano end) as median_nano,
        min(case when 10 * ranked.above <= counted.with_mask then ranked.masked_nano end) as high_nano
    from ranked
    inner join counted on ranked.band = counted.band and ranked.bin_by = counted.bin_by and ranked.bin = counted.bin
    group by ranked.band, ranked.bin_by, ranked.bin, ranked.mask_plane
),

joined as (
    select
        counted.bin_by, counted.bin, counted.bin_low, counted.bin_high, planes.mask_plane, planes.is_defect,
        counted.band,
        cast(counted.wanted as bigint) as pictures_wanted,
        cast(counted.shown as bigint) as pictures_shown,
        cast(counted.with_mask as bigint) as pictures_with_mask,
        {%- for state in ['truncated', 'refused', 'absent'] %}
        counted.{{ state }} / cast(counted.wanted as double) as {{ state }}_share,
        {%- endfor %}
        coalesce(measured.touched, 0) / cast(nullif(counted.with_mask, 0) as double) as touched_share,
        cast(coalesce(measured.sum_nano, 0) as double) / cast(nullif(counted.with_mask, 0) as double) / 1e9
            as masked_mean,
        case
            when counted.with_mask = 0 then cast(null as double)
            when 2 * coalesce(measured.touched, 0) <= counted.with_mask then cast(0 as double)
            else measured.median_nano / cast(1e9 as double)
        end as masked_median,
        case
            when counted.with_mask = 0 then cast(null as double)
            when 10 * coalesce(measured.touched, 0) <= counted.with_mask then cast(0 as double)
            else measured.high_nano / cast(1e9 as double)
        end as masked_90
    from counted
    cross join planes
    left join measured
        on counted.band = measured.band and counted.bin_by = measured.bin_by and counted.bin = measured.bin
        and planes.mask_plane = measured.mask_plane
)

select * from joined
