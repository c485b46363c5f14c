{#- Landed pictures at their requested position, else at their own centre; and requested pictures that were not
    delivered, as rows without a member.  A picture without a line (a single download) answers the line that requests
    its position. -#}
{%- macro located_pictures(kind) -%}
with pictures as (
    select * from {{ ref('stg_' ~ kind ~ '__pictures') }}
),

requests as (
    select * from {{ ref('stg_' ~ kind ~ '__requests') }}
),

bands as (
    {%- for band in bands() %}
    select '{{ band }}' as band{{ ' union all' if not loop.last }}
    {%- endfor %}
),

came as (
    select
        pictures.shard, pictures.member, pictures.refused,
        coalesce(nullif(pictures.refused_class, ''), 'other') as refused_class,
        pictures.line, pictures.band, pictures.picture_tract,
        pictures.image_offset is not null or pictures.psf_offset is not null as has_pixels,
        pictures.picture_file, requests.list_file, requests.silence, requests.silence_reason,
        requests.semi_width, requests.semi_height,
        coalesce(requests.picture_ra, pictures.picture_ra) as at_ra,
        coalesce(requests.picture_dec, pictures.picture_dec) as at_dec
    from pictures left join requests on pictures.shard = requests.shard and pictures.line = requests.line
),

without_line as (
    select distinct shard, band, picture_ra, picture_dec from pictures where line is null and picture_ra is not null
),

met as (
    select distinct requests.shard, requests.line, without_line.band
    from requests
    inner join without_line on requests.shard = without_line.shard
    where {{ separation_arcsec('requests.picture_ra', 'requests.picture_dec', 'without_line.picture_ra',
                               'without_line.picture_dec') }} <= 1
),

did_not_come as (
    select
        requests.shard, cast(null as string) as member, cast(null as string) as refused,
        cast(null as string) as refused_class, requests.line, bands.band,
        requests.picture_tract, false as has_pixels, requests.picture_file, requests.list_file,
        requests.silence, requests.silence_reason, requests.semi_width, requests.semi_height, requests.picture_ra as at_ra, requests.picture_dec as at_dec
    from requests
    inner join bands on requests.band is null or requests.band = bands.band
    left join pictures
        on requests.shard = pictures.shard and requests.line = pictures.line and bands.band = pictures.band
    left join met on requests.shard = met.shard and requests.line = met.line and bands.band = met.band
    where pictures.member is null and met.line is null
),

located as (
    select * from came
    union all
    select * from did_not_come
)

select * from located
{%- endmacro -%}
