-- Every landed or requested picture of every kept object, and its distance from the object.
with places as (
    select * from {{ ref('int_places') }}
),

located as (
    select 'cutout' as kind, * from {{ ref('int_located_cutouts') }}
    union all
    select 'psf' as kind, * from {{ ref('int_located_psf') }}
),

of_objects as (
    select
        places.object_id, places.separation, located.kind, located.band, located.picture_tract,
        located.shard, located.member, located.refused, located.refused_class, located.line, located.has_pixels,
        located.picture_file, located.list_file, located.silence, located.silence_reason, located.semi_width,
        located.semi_height
    from places
    inner join located on places.at_ra = located.at_ra and places.at_dec = located.at_dec
)

select * from of_objects
