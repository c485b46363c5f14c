-- Properties of the chosen cutouts: the object's position in them, masked pixels, whether a part is missing.
{%- set no_data = var('no_data_plane') %}
{%- set or_no_data = ' or masked_' ~ no_data ~ ' > 0' if no_data else '' %}
{%- set without_data = 'greatest(not_finite, coalesce(masked_' ~ no_data ~ ', 0))' if no_data else 'not_finite' %}
with chosen as (
    select * from {{ ref('int_chosen_pictures') }} where kind = 'cutout'
),

objects as (
    select * from {{ ref('int_kept_objects') }}
),

pictures as (
    select
        *,
        max(width) over (partition by shard) as widest,
        max(height) over (partition by shard) as highest,
        cd1_1 * cd2_2 - cd1_2 * cd2_1 as det,
        3600 * sqrt(abs(cd1_1 * cd2_2 - cd1_2 * cd2_1)) as pixel_scale
    from {{ ref('stg_cutouts__pictures') }}
),

projected as (
    select
        pictures.*,
        chosen.object_id,
        chosen.filters,
        chosen.tracts,
        case when pictures.det <> 0 then pictures.det end as usable_det,
        {{ gnomonic('xi', 'objects.ra', 'objects.dec') }} as xi,
        {{ gnomonic('eta', 'objects.ra', 'objects.dec') }} as eta,
        -- The service sends the pixels that the box touches; without a list, the largest picture gives the size.
        coalesce(
            floor(2 * chosen.semi_width / case when pictures.pixel_scale <> 0 then pictures.pixel_scale end),
            pictures.widest - 2
        ) as least_width,
        coalesce(
            floor(2 * chosen.semi_height / case when pictures.pixel_scale <> 0 then pictures.pixel_scale end),
            pictures.highest - 2
        ) as least_height
    from chosen
    inner join pictures on chosen.shard = pictures.shard and chosen.member = pictures.member
    inner join objects on chosen.object_id = objects.object_id
),

measured as (
    select
        object_id, band, picture_file, picture_sha256, shard, member, picture_tract, rerun, filters, tracts,
        height, width,
        -- Whole billionths of a pixel: engines' sines differ in the last bit.
        {{ whole('crpix1 + (cd2_2 * xi - cd1_2 * eta) / usable_det - (width - 1) / cast(2 as double)', '1e9') }}
            / cast(1e9 as double) as x_offset,
        {{ whole('crpix2 + (cd1_1 * eta - cd2_1 * xi) / usable_det - (height - 1) / cast(2 as double)', '1e9') }}
            / cast(1e9 as double) as y_offset,
        zero_point_mag, crval1, crval2, crpix1, crpix2, cd1_1, cd1_2, cd2_1, cd2_2,
        not_finite, image_offset, mask_offset, variance_offset,
        {%- for plane in mask_planes() %}
        masked_{{ plane }} / cast(height * width as double) as masked_{{ plane }},
        {%- endfor %}
        case
            when width < least_width or height < least_height then concat_ws('',
                'smaller than asked for: ', cast(width as string), ' x ', cast(height as string), ' pixels of ',
                cast(cast(least_width as bigint) as string), ' x ', cast(cast(least_height as bigint) as string))
            when not_finite > 0{{ or_no_data }} then concat_ws('',
                cast({{ without_data }} as string), ' pixels have no data')
        end as lacks,
        case
            when width < least_width or height < least_height then 'smaller_than_asked'
            when not_finite > 0{{ or_no_data }} then 'pixels_without_data'
        end as lacks_class
    from projected
)

select * from measured
