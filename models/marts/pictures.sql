-- The manifest: one row for every kept object and filter, with its picture, or the reason why there is none.
-- Empty until a picture or an upload list is landed.
with objects as (
    select * from {{ ref('int_kept_objects') }}
),

located as (
    select * from {{ ref('int_located_cutouts') }}
),

shown as (
    select * from {{ ref('int_shown_pictures') }}
),

chosen_psfs as (
    select * from {{ ref('int_chosen_pictures') }} where kind = 'psf'
),

psfs as (
    select * from {{ ref('stg_psf__pictures') }}
),

of_objects as (
    select * from {{ ref('int_object_pictures') }} where kind = 'cutout'
),

bands as (
    {%- for band in bands() %}
    select '{{ band }}' as band{{ ' union all' if not loop.last }}
    {%- endfor %}
),

wanted as (
    select objects.object_id, bands.band
    from objects cross join bands
    where exists (select 1 from located)
),

told as (
    -- The state and reason that each picture, or each line without one, gives for the object.
    select
        object_id,
        band,
        shard,
        line,
        member,
        case
            when refused <> '' then 1
            when member is not null and not has_pixels then 2
            when has_pixels then 3
            when silence is null then 4
            else 5
        end as place,
        case
            when refused <> '' then concat_ws('', 'refused_', refused_class)
            when member is not null and not has_pixels then 'no_image'
            when has_pixels then 'other_tract'
            else coalesce(silence, 'outside_coverage')
        end as class,
        case
            when refused <> '' then concat_ws('', member, ' of ', picture_file, ' is refused: ', refused)
            when member is not null and not has_pixels then concat_ws('', member, ' of ', picture_file, ' has no image')
            when has_pixels then concat_ws(
                '', 'shown in tract ', cast(picture_tract as string), ' only, where other filters lack')
            when silence is null then concat_ws('',
                'outside the coverage: asked for in ', list_file, ', line ', cast(line as string), ', and not sent')
            else concat_ws('', silence_reason, ': asked for in ', list_file, ', line ', cast(line as string))
        end as words
    from of_objects
),

tried as (
    -- The most specific of several reasons; a complete tar without the picture outweighs one that was cut short.
    select * from (
        select
            *,
            row_number() over (
                partition by object_id, band
                order by place, words nulls last, shard, line nulls last, member nulls last
            ) as nth
        from told
    ) as ranked
    where nth = 1
),

joined as (
    select
        wanted.object_id,
        wanted.band,
        case
            when shown.member is not null then case when shown.lacks is null then 'present' else 'truncated' end
            when tried.place = 1 then 'refused'
            else 'absent'
        end as picture_state,
        case
            when shown.member is not null then shown.lacks_class else coalesce(tried.class, 'not_asked')
        end as picture_reason_class,
        case
            when shown.member is not null then shown.lacks
            else coalesce(tried.words, 'no landed tar has it, and no list asks for it')
        end as picture_reason,
        shown.picture_file, shown.picture_sha256, shown.shard, shown.member, shown.picture_tract, shown.rerun,
        shown.filters, shown.tracts, shown.height, shown.width, shown.x_offset, shown.y_offset, shown.zero_point_mag,
        shown.crval1, shown.crval2, shown.crpix1, shown.crpix2, shown.cd1_1, shown.cd1_2, shown.cd2_1, shown.cd2_2,
        shown.not_finite,
        {%- for plane in mask_planes() %}
        shown.masked_{{ plane }},
        {%- endfor %}
        shown.image_offset, shown.mask_offset, shown.variance_offset,
        psfs.shard as psf_shard, psfs.member as psf_member, psfs.height as psf_height, psfs.width as psf_width,
        psfs.psf_offset, nullif(psfs.psf_flag, '') as psf_flag,
        case when psfs.psf_offset is null then '' else concat_ws('', psfs.shard, ':', cast(psfs.psf_offset as string)) end
            as psf_key
    from wanted
    left join shown on wanted.object_id = shown.object_id and wanted.band = shown.band
    left join tried on wanted.object_id = tried.object_id and wanted.band = tried.band
    left join chosen_psfs on wanted.object_id = chosen_psfs.object_id and wanted.band = chosen_psfs.band
    left join psfs on chosen_psfs.shard = psfs.shard and chosen_psfs.member = psfs.member
)

select * from joined
