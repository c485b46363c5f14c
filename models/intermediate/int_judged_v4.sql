{{ judged('v4') }}
