-- The manifest: one row for every kept object and filter, with the picture that shows it, or why there is none.
-- Empty until a picture, or a list of what was asked for, has landed.
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

tried as (
    select
        object_id,
        band,
        min(case when refused <> '' then concat(member, ' of ', picture_file, ' is refused: ', refused) end) as refusal,
        min(case when refused = '' and not has_pixels then concat(member, ' of ', picture_file, ' has no image') end) as no_image,
        min(case when member is null then concat(
            'outside the coverage: asked for in ', list_file, ', line ', cast(line as string), ', and not sent') end) as not_sent,
        min(case when has_pixels then concat('shown in tract ', cast(picture_tract as string), ' only, where other filters lack') end)
            as elsewhere
    from of_objects
    group by object_id, band
),

joined as (
    select
        wanted.object_id,
        wanted.band,
        case
            when shown.member is not null then case when shown.lacks is null then 'present' else 'truncated' end
            when tried.refusal is not null then 'refused'
            else 'absent'
        end as picture_state,
        case
            when shown.member is not null then shown.lacks
            else coalesce(
                tried.refusal, tried.no_image, tried.elsewhere, tried.not_sent, 'no landed tar has it, and no list asks for it')
        end as picture_reason,
        shown.picture_file, shown.picture_sha256, shown.shard, shown.member, shown.picture_tract, shown.rerun,
        shown.filters, shown.tracts, shown.height, shown.width, shown.x_offset, shown.y_offset, shown.zero_point_mag,
        shown.not_finite,
        {%- for plane in mask_planes() %}
        shown.masked_{{ plane }},
        {%- endfor %}
        shown.image_offset, shown.mask_offset, shown.variance_offset,
        psfs.shard as psf_shard, psfs.member as psf_member, psfs.height as psf_height, psfs.width as psf_width,
        psfs.psf_offset
    from wanted
    left join shown on wanted.object_id = shown.object_id and wanted.band = shown.band
    left join tried on wanted.object_id = tried.object_id and wanted.band = tried.band
    left join chosen_psfs on wanted.object_id = chosen_psfs.object_id and wanted.band = chosen_psfs.band
    left join psfs on chosen_psfs.shard = psfs.shard and chosen_psfs.member = psfs.member
)

select * from joined
