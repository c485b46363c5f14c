-- The masked fractions of pictures that are not 0, in whole billionths: their sums are the same in any order.
with shown as (
    select * from {{ ref('int_shown_pictures') }}
)

{% for plane in mask_planes() -%}
select object_id, band, '{{ plane }}' as mask_plane, cast(round(1e9 * masked_{{ plane }}) as bigint) as masked_nano
from shown
where masked_{{ plane }} > 0
union all
{% endfor -%}
-- A survey without masks has the columns, too.
select object_id, band, '' as mask_plane, cast(0 as bigint) as masked_nano from shown where 1 = 0
